"""Why a server's certificate was refused, in words, and what to do about it.

Invariant: nothing here makes one be taken: that is decided by the TLS library alone, and there is no option to ask it not to.
"""

from __future__ import annotations

import ssl
from typing import Final

_NAME_CA: Final = "if you trust who signed it: name the PEM file of that authority as the target's `ca`"
_OTHER_NAME: Final = ("its certificate is for another name", "set the target's `url` to a name that its certificate is for")
# By OpenSSL's X509_V_ERR codes.
_WHY: Final = {
    9: ("its certificate is not valid yet", "see that the clock of this machine is right"),
    10: ("its certificate has expired", "have the server's certificate renewed; see that the clock of this machine is right"),
    18: ("its certificate is signed by itself only", _NAME_CA),
    19: ("its certificate is signed by an authority that is not trusted here", _NAME_CA),
    20: ("its certificate is signed by an authority that is not trusted here", _NAME_CA),
    62: _OTHER_NAME,
    64: _OTHER_NAME,
}


def refused(error: BaseException | None) -> tuple[str, str]:
    """Why, and what to do; both empty where it was no certificate. Where it was, the next try would be refused alike."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return _WHY.get(error.verify_code, (f"its certificate is not trusted: {error.verify_message}", _NAME_CA))
        error = error.__cause__ or error.__context__
    return "", ""
