"""Other ways to write a server down. One format a file, all behind `interface.py`."""
