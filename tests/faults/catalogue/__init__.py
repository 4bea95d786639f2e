"""The faults as facts: what each is, where, how often and how driven it is met."""
