"""The shape of the small dataset that conftest.py writes for every test."""

N_SAMPLES, HEIGHT, WIDTH, CHANNELS = 23, 4, 5, 3
CLASS_NAMES = ("ant", "bee", "cat")
