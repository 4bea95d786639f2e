"""What is raised while a client makes its credentials, told by traceback and class."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import anthropic
import httpx2
import pytest
from botocore.exceptions import (  # type: ignore[import-untyped]
    NoCredentialsError,
    PartialCredentialsError,
)

from resilient_claude.failures.classify import classify
from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import FailureKind, Origin
from resilient_claude.failures.signing import names_credentials, while_signing

SECRET = "tok-4929-1234"


class VaultError(Exception):
    """The application's own."""


def foundry(provider: Callable[[], str]) -> anthropic.AsyncAnthropicFoundry:
    return anthropic.AsyncAnthropicFoundry(
        azure_ad_token_provider=provider, base_url="http://127.0.0.1:1", max_retries=0
    )


async def raised_by(client: anthropic.AsyncAnthropic) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever it is
        await client.messages.create(model="m", max_tokens=1, messages=[])
    return caught.value


@pytest.mark.parametrize(
    "exc",
    [
        ValueError(SECRET),
        ConnectionError(SECRET),
        KeyError(SECRET),
        httpx2.ConnectError(SECRET),
        VaultError(SECRET),
    ],
    ids=lambda exc: type(exc).__name__,
)
async def test_a_token_provider_that_fails_is_told_by_its_class(exc: Exception) -> None:
    """It is neither a bug of the adapter nor the connection, and its message may be the token."""

    def provider() -> str:
        raise exc

    failure = classify(await raised_by(foundry(provider)), Evidence())

    assert (failure.kind, failure.origin) == (FailureKind.AUTH, Origin.CALLER)
    assert failure.retryable
    assert failure.root_type == type(exc).__name__
    assert failure.root_message.startswith("at test_signing.py:")


async def test_a_token_that_is_none_is_not_shown() -> None:
    """The SDK quotes what the provider returned."""
    client = foundry(lambda: SECRET.encode())  # type: ignore[arg-type, return-value]

    failure = classify(await raised_by(client), Evidence())

    assert failure.kind is FailureKind.AUTH
    assert SECRET not in failure.root_message


async def test_aws_credentials_that_are_missing() -> None:
    """What boto finds nothing of is the account's business, and may be there a moment later."""
    client = anthropic.AsyncAnthropicBedrock(
        aws_region="us-east-1", base_url="http://127.0.0.1:1", max_retries=0
    )
    with patch("boto3.Session.get_credentials", return_value=None):
        failure = classify(await raised_by(client), Evidence())  # type: ignore[arg-type]

    assert (failure.kind, failure.retryable) == (FailureKind.AUTH, True)
    assert "credentials" in failure.root_message.lower()


def of_library(package: str, name: str, base: type[Exception] = Exception) -> Exception:
    """As a library that is not installed here raises it."""
    parent = type(base.__name__, (Exception,), {"__module__": f"{package}.exceptions"})
    made: type[Exception] = type(name, (parent,), {"__module__": f"{package}.x"})
    return made("no default credentials")


class GoogleAuthError(Exception): ...


class AzureError(Exception): ...


@pytest.mark.parametrize(
    "exc",
    [
        NoCredentialsError(),
        PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        of_library("google.auth", "DefaultCredentialsError", GoogleAuthError),
        of_library("google.auth", "RefreshError", GoogleAuthError),
        of_library("azure.core", "ClientAuthenticationError", AzureError),
        of_library("azure.identity", "CredentialUnavailableError", AzureError),
        anthropic.CredentialsError("Credentials file not found"),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_what_the_clouds_libraries_say_is_shown(exc: Exception) -> None:
    """It says what is missing, and how to give it."""
    failure = classify(exc, Evidence())

    assert names_credentials(exc)
    assert (failure.kind, failure.origin) == (FailureKind.AUTH, Origin.CALLER)
    assert failure.retryable
    assert (failure.root_type, failure.root_message) == (type(exc).__name__, str(exc))


def test_how_a_library_looked_is_not_the_cause() -> None:
    """google-auth asks a metadata server; that nobody answers there says little."""
    exc = of_library("google.auth", "RefreshError", GoogleAuthError)
    exc.__cause__ = ConnectionRefusedError(111, "refused")

    assert classify(exc, Evidence()).root_type == "RefreshError"


def test_an_exception_of_elsewhere_has_nothing_to_do_with_signing() -> None:
    """However deep it was raised."""

    def deep(left: int) -> None:
        if left == 0:
            raise KeyError("x")
        deep(left - 1)

    with pytest.raises(KeyError) as caught:
        deep(300)

    assert not while_signing([caught.value])
    assert not names_credentials(caught.value)


def test_a_mistake_below_a_library_s_error_is_no_bug_of_ours() -> None:
    """google-auth reads a file of the operator's, and finds no such key in it."""
    exc = of_library("google.auth", "RefreshError", GoogleAuthError)
    exc.__cause__ = KeyError("client_email")

    assert classify(exc, Evidence()).kind is FailureKind.AUTH
