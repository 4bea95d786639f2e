"""What the adapter costs, beside the plugin, the SDK, livekit's base class and a raw socket.

From the repository's root:

    python -m tests.benchmarks            # all measures, about thirteen minutes
    python -m tests.benchmarks --quick    # fewer and shorter samples, a third of it
    python -m tests.benchmarks --only request --only burst     # some of them, half a minute
    python -m tests.benchmarks.soak       # thousands of turns with faults and barge-ins
    python -m tests.benchmarks.voice      # twenty calls: what the caller hears, and when

The plugin takes part when `livekit-plugins-anthropic` is installed. A number holds for the machine
and the versions it was taken with; the ratios, taken in one run, hold well beyond it. A ratio is
the median of the ratios within one round, so it is not always that of the two medians.
"""
