"""What runs inside OBS (Tools > Scripts), and what puts it there.

`install.py` copies `obs_portrait_{script,worker,link}.py` into OBS's reach. OBS's own Python (3.6 and later) loads
them; it has the standard library alone and does not know this package.
"""
