"""An authority of the test's own, made with openssl, and the certificates that it signs: good ones and such as nobody should take."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

_CONFIG = """\
[ca]
default_ca = own
[own]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    """`file`: its certificate, as a target's `ca` names it."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.file = self.folder / "ca.pem"
        self._key = self.folder / "ca.key"
        (self.folder / "index.txt").touch()
        (self.folder / "ca.cnf").write_text(_CONFIG.format(folder=self.folder))
        extensions = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        self._openssl("req", "-x509", *_KEY, "-days", "2", "-subj", f"/CN={name}", *extensions, "-keyout", self._key, "-out", self.file)

    def signed(self, names: str, *, begin: str = "", end: str = "") -> ssl.SSLContext:
        """A server's context. `names`: as openssl has them (`IP:127.0.0.1`); `begin`, `end`: YYYYMMDDHHMMSSZ; else today and two days."""
        stem = self.folder / f"{len(list(self.folder.glob('*.csr')))}"
        request, key, out = (stem.with_suffix(s) for s in (".csr", ".key", ".pem"))
        self._openssl("req", "-new", *_KEY, "-subj", "/CN=server", "-addext", f"subjectAltName={names}", "-keyout", key, "-out", request)
        days = ["-startdate", begin] if begin else []
        days += ["-enddate", end] if end else ["-days", "2"]
        files: list[str | Path] = ["-cert", self.file, "-keyfile", self._key, "-in", request, "-out", out]
        self._openssl("ca", "-batch", "-notext", "-config", self.folder / "ca.cnf", *days, *files)
        return served_with(out, key)

    def self_signed(self) -> ssl.SSLContext:
        key, out = self.folder / "own.key", self.folder / "own.pem"
        names = ["-subj", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1"]
        self._openssl("req", "-x509", *_KEY, "-days", "2", *names, "-keyout", key, "-out", out)
        return served_with(out, key)

    def _openssl(self, *words: str | Path) -> None:
        done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


def served_with(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
