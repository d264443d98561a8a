"""What runs inside OBS (Tools > Scripts), and what puts it there.

`obs_portrait_script.py` and `obs_portrait_link.py` are copied into OBS's reach by `install.py`. OBS's own Python (3.6
and later) loads them; it has the standard library alone and does not know this package.
"""
