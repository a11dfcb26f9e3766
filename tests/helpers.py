"""What tests of several rooms share: the one line with which something is refused."""

import pytest

from forecast.errors import ForecastError


def refusal(call, *arguments, error: type[ForecastError] = ForecastError, **options) -> str:
    """The message of the error that a call ends in, which is one line and hides no other error."""
    with pytest.raises(error) as caught:
        call(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return message
