"""How hard is searched: the same examples in every run by default, many new ones on demand."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

# No deadline: a slow machine is no counterexample. `too_slow` and `data_too_large` judge the
# strategy on the first examples, which import livekit and the SDK.
_QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large)

settings.register_profile(
    "deterministic",
    derandomize=True,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    print_blob=True,
    suppress_health_check=_QUIET,
)
settings.register_profile(
    "thorough", max_examples=3_000, deadline=None, print_blob=True, suppress_health_check=_QUIET
)

_DEFAULT_EXAMPLES = 100  # Hypothesis's own


def searched(examples: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates a property: *examples* in a normal run, 30 times as many in a thorough one.

    Read when the module is imported: the profiles of the other tests stay what they are.
    """
    thorough = settings.get_profile("thorough")
    if settings.default is thorough or os.environ.get("HYPOTHESIS_PROFILE") == "thorough":
        chosen, factor = thorough, thorough.max_examples // _DEFAULT_EXAMPLES
    else:
        chosen, factor = settings.get_profile("deterministic"), 1
    return settings(chosen, max_examples=examples * factor)
