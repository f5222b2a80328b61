"""Learn my signs: what is recorded on the page, what is said of it, and the training that makes a model of it."""
