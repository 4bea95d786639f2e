"""What holds for every input, searched by Hypothesis.

The search is the same in every run (see `profiles`). To search further:
`pytest tests/properties --hypothesis-profile=thorough`, or `HYPOTHESIS_PROFILE=thorough pytest`.
"""
