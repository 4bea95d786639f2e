"""What the adapter costs, beside the plugin, the SDK, livekit's base class and a raw socket.

From the repository's root:

    python -m tests.benchmarks            # all measures, about six minutes
    python -m tests.benchmarks --quick    # fewer and shorter samples, about ninety seconds
    python -m tests.benchmarks.soak       # thousands of turns with faults and barge-ins

The plugin takes part when `livekit-plugins-anthropic` is installed. A number holds for the machine
and the versions it was taken with; the ratios, taken in one run, hold well beyond it.
"""
