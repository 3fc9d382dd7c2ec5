"""What a bucket's faults mean: a setting that is wrong, or something that may be right again in a minute."""

import errno
import os
import re
from typing import NoReturn

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.places import settings_in

_STATUS, _CODE = re.compile(r"status code: (\d{3})"), re.compile(r"<Code>(\w+)</Code>")
_DELETE_CODE = re.compile(r"DeleteObjects request failed.*?\(code: (\w+)\)", re.DOTALL)
"""S3 answers 200 to a request to remove several objects, and says of each in the body what went wrong."""
_STATUS_OF_CODE = {"AccessDenied": 403, "InternalError": 500, "ServiceUnavailable": 503, "SlowDown": 503}
_NO_TLS = "InvalidContentType"
"""In a fault: the answer to the beginning of TLS was something else, as a server of plain HTTP gives it."""
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_WRONG_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId", "AuthFailure"}
_WRONG_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound"}
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


class StoreAway(OSError):  # noqa: N818 - as other OSErrors are called
    """A bucket does not answer for now; the same call may succeed in a minute, or with a new token."""

    def __init__(self, sentence: str) -> None:
        """Take the sentence; to the rest of the program it is a fault of the system, not of any bytes."""
        super().__init__(errno.EHOSTUNREACH, sentence)

    def __str__(self) -> str:
        """Return the sentence alone."""
        return str(self.args[1])

    @property
    def fault(self) -> str:
        """Return what happened, without what is said to a task."""
        return str(self).partition("; tried several times")[0].partition("; renew the credentials")[0]

    def __reduce__(self) -> tuple[type["StoreAway"], tuple[str]]:
        """Travel between processes."""
        return StoreAway, (str(self),)


def _status(text: str) -> int:
    if found := _STATUS.search(text):
        return int(found[1])
    return _STATUS_OF_CODE.get(found[1], 400) if (found := _DELETE_CODE.search(text)) else 0


def _code(text: str) -> str:
    found = _CODE.search(text) or _DELETE_CODE.search(text)
    return found[1] if found else ""


def _without_credentials(text: str) -> bool:
    """Tell whether a request failed because no credentials were found: then the machine's own service was asked."""
    return "169.254.169.254" in text or "metadata.google" in text or "redential" in text.partition("\n")[0]


def is_for_now(text: str) -> bool:
    """Tell of a fault, as obstore says it, whether asking again in a moment may help."""
    if _without_credentials(text) or "builder error" in text or _NO_TLS in text:
        return False
    status = _status(text)
    # 416: of an answer of the wrong length, obstore asked for what follows the last byte.
    return status >= 500 or status in (0, 408, 409, 416, 429) or _code(text) in {"RequestTimeout", "SlowDown"}


def short_fault(text: str) -> str:
    """Return the part of a fault that says what happened, without addresses or what was signed."""
    if status := _status(text):
        return f"the server answered {status} {_code(text)}".rstrip()
    first = text.partition("\n")[0]
    return first.rpartition(" - ")[2][:200] or "no answer"


def _place_of(url: str) -> str:
    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")
    # Without a user and password, should somebody have written them there.
    shown = re.sub(r"//.*@", "//", endpoint)
    return f"{url} (at {shown})" if url.startswith("s3://") and shown else url


def refuse_missing_bucket(url: str, text: str) -> None:
    """Refuse a bucket that does not exist, if that is what "not found" means."""
    if _code(text) in _NO_BUCKET:
        raise ConfigError(
            f"{_place_of(url)}: there is no such bucket; create it, or correct {settings_in(url)}"
        ) from None


def refuse(url: str, name: str, text: str) -> NoReturn:
    """Turn a fault into the sentence that says what to do; not chained: a server may repeat a token in its answer.

    Args:
        url: Of the store.
        name: The object that was asked for; empty: none in particular.
        text: The fault as obstore says it. It may hold what was signed: nothing of it is repeated but short words.

    Raises:
        ConfigError: If a setting is wrong.
        StoreAway: If it may be right again later.
    """
    place, code, status = _place_of(url), _code(text), _status(text)
    object_place = f"{place}: {name}" if name else place
    keys = _KEYS.get(url.partition("://")[0], "the bucket's keys")
    refuse_missing_bucket(url, text)
    if code in _EXPIRED or "token has expired" in text.lower():
        raise StoreAway(f"{object_place}: the token expired; renew the credentials and clear this task") from None
    if code in _WRONG_REGION or status in (301, 307) or "incorrectly configured region" in text:
        raise ConfigError(f"{place}: the bucket is in another region; set AWS_REGION to it") from None
    if _without_credentials(text):
        raise ConfigError(
            f"{place}: no credentials were found; set {keys}; or, for Airflow's tasks and UI alone, "
            "CDISCOUNT_STORE_CONN_ID, which a terminal does not read"
        ) from None
    if code == "RequestTimeTooSkewed":
        raise ConfigError(
            f"{place}: the clock of this machine differs from the bucket's by many minutes; synchronise it (NTP)"
        ) from None
    if code in _WRONG_KEYS or status == 401:
        raise ConfigError(f"{place}: the credentials are refused ({code or status}); correct {keys}") from None
    if status == 403:
        raise ConfigError(
            f"{object_place}: no right to it (403 {code}); give these credentials the right to read, write, list and "
            "delete there, or use others"
        ) from None
    if status == 501 or code == "NotImplemented":
        raise ConfigError(f"{place}: the server does not know a request that is needed ({code or status})") from None
    if status == 0 and _NO_TLS in text:
        raise ConfigError(
            f"{place}: the server there speaks no TLS; begin its address with http://, not https://"
        ) from None
    if status == 0 and "builder error" in text:
        raise ConfigError(f"{place}: its address cannot be used; correct AWS_ENDPOINT_URL") from None
    if is_for_now(text):
        raise StoreAway(f"{object_place}: {short_fault(text)}; tried several times, clear this task later") from None
    raise ConfigError(f"{object_place}: the request was refused ({short_fault(text)})") from None
