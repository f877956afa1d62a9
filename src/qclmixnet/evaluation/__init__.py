"""How methods are compared: splits, and statistics over tables or folds."""
