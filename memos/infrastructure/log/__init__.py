"""The log: the ordered events that everything else is a fold of."""
