"""A model in service: is it shown what it was tested on, what would another one say, what is it unsure of."""
