"""What went wrong, named: the kinds of failures, the evidence for them, and their causes.

Pure: values in, values out. The bottom of the house; everything else may use it.
"""
