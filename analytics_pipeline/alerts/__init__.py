"""What a person must be told: the causes, the book of what was told, the channels. Not here: when it is looked at."""
