"""The Update Framework (TUF 1.0) on both sides: what CI signs and what the client believes."""
