"""Certificates for receivers on loopback, made with the openssl command: sound ones, and one that has expired."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

_CONFIG = """\
[ca]
default_ca = own
[own]
database = {directory}/index.txt
new_certs_dir = {directory}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
x509_extensions = extensions
[any]
commonName = supplied
[extensions]
basicConstraints = critical,CA:true
"""


def certificate(directory: Path, names: str, *, begins: str = "", ends: str = "") -> Path:
    """A self-signed one with its key in the same file. names: as in subjectAltName; begins, ends: YYYYMMDDHHMMSSZ."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("makes certificates with openssl, which is not installed")
    directory.mkdir()
    (directory / "index.txt").touch()
    (directory / "ca.cnf").write_text(_CONFIG.format(directory=directory))
    key, request, made, both = (directory / name for name in ("key.pem", "request.pem", "made.pem", "both.pem"))
    new = ["req", "-new", "-newkey", "rsa:2048", "-noenc", "-subj", "/CN=loopback"]
    _run(openssl, *new, "-addext", f"subjectAltName={names}", "-keyout", str(key), "-out", str(request))
    dates = ["-startdate", begins, "-enddate", ends] if ends else ["-days", "2"]
    signing = ["ca", "-batch", "-selfsign", "-notext", "-config", str(directory / "ca.cnf"), "-keyfile", str(key)]
    _run(openssl, *signing, *dates, "-in", str(request), "-out", str(made))
    both.write_text(key.read_text() + made.read_text())
    return both


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def serving(chain: Path) -> ssl.SSLContext:
    """For a receiver that shows this certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    return context


def trusting(*chains: Path) -> ssl.SSLContext:
    """For a caller to whom these are vouched for."""
    context = ssl.create_default_context()
    for chain in chains:
        context.load_verify_locations(chain)
    return context
