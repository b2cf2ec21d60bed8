"""Data where it lies: object stores and web servers, read by range through fsspec.

location.py    what a recipe may name, as a path or as a `Remote`
parameter.py   the same as the type of a parameter
listings.py    what lies below a URL, in pages
glance.py      a few requests that show what is there, remembered for a while
store.py       one request after another: sizes, ranges, uploads; retried, and with errors in words
cache.py       originals that stay on this machine, where a source says so
ranges.py      many ranges at once, in a bounded pool
"""
