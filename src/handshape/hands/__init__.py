"""Finding hands in photographs and video: boxes, 21 landmarks, upright crops."""
