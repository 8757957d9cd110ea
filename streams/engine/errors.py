"""What can go wrong, and what is done about it.

ReturnStreamsError
├── Poison            this record can never be processed: it goes to the dead letters, the agent goes on
│   ├── Undecodable         its key, headers or value cannot be read
│   ├── ContractViolation   it can be read, and says what cannot be
│   └── TooLarge            it, or what follows from it, is more than the brokers take of one record
├── NotYet            what the record needs is not known yet: it waits in a store and is tried again
├── StateRefused      this task's state and the cluster disagree: it does not start, and says what to do
│   └── StateInUse          another process has its directory, which may be about to leave: asked again for a while
├── NotHere           these rows are another process's, or not restored yet: who asked looks elsewhere
├── StorageFailed     the disk under the rows failed: infrastructure, so the batch is redone and no record blamed
└── ConfigError       the process cannot start: exit code 78, one line that says what to change

Everything else that a handler raises is a bug: its record is undone alone and kept in the dead letters. What the
broker or the client raises is infrastructure: the batch is dropped and redone, and no record is blamed.
"""

from __future__ import annotations


class ReturnStreamsError(Exception):
    """The root of everything we raise on purpose."""


class Poison(ReturnStreamsError):
    """This record can never be processed."""


class Undecodable(Poison):
    """Key, headers or value cannot be read."""


class ContractViolation(Poison):
    """It can be read, and says what cannot be."""


class TooLarge(Poison):
    """It, or what follows from it, is more than the brokers take of one record."""


class NotYet(ReturnStreamsError):
    """The record is sound, but what it refers to has not arrived."""


class StateRefused(ReturnStreamsError):
    """Starting on this state could repeat or lose records."""


class StateInUse(StateRefused):
    """Another process has the task's directory."""


class NotHere(ReturnStreamsError, LookupError):
    """This process cannot tell these rows."""


class StorageFailed(ReturnStreamsError, OSError):
    """The disk failed, or what is on it is damaged. Nothing of the batch that met this may be committed."""


NOBODYS_FAULT = (StorageFailed, StateRefused)
"""What a handler may meet without any record being to blame."""


class ConfigError(ReturnStreamsError):
    """The process cannot start as configured."""
