"""Label tables: targets, speakers, splits, folds, and how many of their clips a cache covers."""
