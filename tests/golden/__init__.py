"""Files that must keep loading and answers that must stay the same, with the inputs they are from.

Names carry the version of their format: a new version adds files, the old ones stay and must still
be read. `regenerate.py` writes the files of the current versions.
"""
