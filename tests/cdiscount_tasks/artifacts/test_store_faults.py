import pickle
import traceback

import pytest

from cdiscount_tasks.artifacts.disk_faults import is_of_the_system
from cdiscount_tasks.artifacts.store_faults import StoreAway, is_for_now, refuse, short_fault
from cdiscount_tasks.errors import ConfigError


def said(status, code):
    body = f"<Error><Code>{code}</Code><StringToSign>T0KEN</StringToSign></Error>"
    return f"Error performing GET http://x/b/a in 3ms - Server returned non-2xx status code: {status} X: {body}"


SENTENCES = [
    (said(404, "NoSuchBucket"), ConfigError, "there is no such bucket; create it, or correct the setting"),
    (said(403, "AccessDenied"), ConfigError, "a: no right to it (403 AccessDenied); give these credentials the right"),
    (said(403, "InvalidAccessKeyId"), ConfigError, "the credentials are refused (InvalidAccessKeyId); correct AWS_"),
    (said(401, "x"), ConfigError, "the credentials are refused"),
    (said(403, "RequestTimeTooSkewed"), ConfigError, "the clock of this machine differs from the bucket's"),
    (said(301, "PermanentRedirect"), ConfigError, "the bucket is in another region; set AWS_REGION to it"),
    (said(400, "AuthorizationHeaderMalformed"), ConfigError, "the bucket is in another region; set AWS_REGION to it"),
    ("Received redirect without LOCATION, this normally indicates an incorrectly configured region", ConfigError,
     "the bucket is in another region"),
    (said(403, "ExpiredToken"), StoreAway, "the token expired; renew the credentials and clear this task"),
    (said(501, "NotImplemented"), ConfigError, "the server does not know a request that is needed (NotImplemented)"),
    (said(503, "SlowDown"), StoreAway, "the server answered 503 SlowDown; tried several times, clear this task later"),
    (said(500, "InternalError"), StoreAway, "the server answered 500 InternalError"),
    ("Error performing PUT http://169.254.169.254/latest/api/token in 6ms - HTTP error", ConfigError,
     "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ("Generic S3 error: Error performing PUT http://x in 1ms - HTTP error: builder error", ConfigError,
     "its address cannot be used; correct AWS_ENDPOINT_URL"),
    ("Generic S3 error: Error performing PUT http://x in 1ms - HTTP error: error sending request", StoreAway,
     "HTTP error: error sending request; tried several times"),
    ("DeleteObjects request failed for key a: Access Denied (code: AccessDenied)", ConfigError,
     "a: no right to it (403 AccessDenied); give these credentials the right"),
    ("HTTP error: error sending request\n\nDebug source: InvalidMessage(InvalidContentType)", ConfigError,
     "the server there speaks no TLS; begin its address with http://"),
    (said(400, "InvalidArgument"), ConfigError, "the request was refused (the server answered 400 InvalidArgument)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "sentence"), SENTENCES)
def test_a_fault_becomes_a_sentence_without_what_was_signed(text, kind, sentence):
    with pytest.raises(kind) as caught:
        try:
            raise ValueError(text)  # as obstore does
        except ValueError as error:
            refuse("s3://bucket/folder", "a", str(error))
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("s3://bucket/folder")
    assert "T0KEN" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(("text", "may_help"), [
    (said(500, "InternalError"), True), (said(503, "SlowDown"), True), (said(429, "x"), True),
    (said(400, "RequestTimeout"), True), ("HTTP error: error sending request", True), (said(409, "x"), True),
    ("Generic S3 error: DeleteObjects request failed for key a: not\nyou (code: AccessDenied)", False),
    ("Generic S3 error: DeleteObjects request failed for key a: later (code: SlowDown)", True),
    (said(403, "AccessDenied"), False), (said(404, "NoSuchBucket"), False), ("HTTP error: builder error", False),
    ("Error performing PUT http://169.254.169.254/latest/api/token - HTTP error", False),
])  # fmt: skip
def test_only_what_may_pass_is_asked_again(text, may_help):
    assert is_for_now(text) is may_help


def test_an_endpoint_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:pass/word@example.org:9000")
    with pytest.raises(ConfigError, match=r"s3://bucket \(at http://example.org:9000\): there is no such bucket"):
        refuse("s3://bucket", "", said(404, "NoSuchBucket"))


def test_a_bucket_that_is_not_there_is_told_with_the_setting_that_names_it(monkeypatch):
    monkeypatch.setenv("CDISCOUNT_REPORTS", "s3://bucket/reports")
    with pytest.raises(ConfigError, match=r"create it, or correct CDISCOUNT_REPORTS$"):
        refuse("s3://bucket/reports", "", said(404, "NoSuchBucket"))


@pytest.mark.parametrize(("text", "fault"), [
    (said(503, "SlowDown"), "s3://bucket: a: the server answered 503 SlowDown"),
    (said(403, "ExpiredToken"), "s3://bucket: a: the token expired"),
])  # fmt: skip
def test_what_happened_is_told_without_advice(text, fault):
    with pytest.raises(StoreAway) as caught:
        refuse("s3://bucket", "a", text)
    assert caught.value.fault == fault


def test_other_clouds_name_their_own_variables():
    for url, names in (("gs://b", "GOOGLE_APPLICATION_CREDENTIALS"), ("az://b", "AZURE_STORAGE_ACCOUNT_NAME")):
        with pytest.raises(ConfigError, match=names):
            refuse(url, "", said(401, "x"))


def test_a_bucket_that_is_away_is_a_fault_of_the_system_that_travels():
    error = StoreAway("nobody answers")
    assert is_of_the_system(error)
    assert (str(pickle.loads(pickle.dumps(error))), str(error)) == ("nobody answers", "nobody answers")


def test_a_short_fault_has_no_addresses():
    assert short_fault(said(503, "SlowDown")) == "the server answered 503 SlowDown"
