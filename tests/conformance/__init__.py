"""Every model with every feature: accepted by the documented rules, or refused at construction."""
