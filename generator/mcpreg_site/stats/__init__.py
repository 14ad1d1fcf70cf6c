"""Download counts from a host's access logs.

    files → lines → requests → one a client, version and day → `stats/downloads.json`

Nothing about clients is written anywhere: a day is counted once, whole, when all its lines have
come, so no run has to remember whom the last one saw.
"""
