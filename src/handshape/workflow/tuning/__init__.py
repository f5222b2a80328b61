"""A search for better settings: trials on some people, and whether the best of them is better on others."""
