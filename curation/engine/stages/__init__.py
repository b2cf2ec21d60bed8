"""The stages of a recipe: one file each, found by listing this folder; see `engine/stage.py`."""
