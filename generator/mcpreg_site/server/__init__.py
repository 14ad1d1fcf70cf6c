"""`mcpreg-site serve`: the finished tree, and the queries that a static host cannot answer."""
