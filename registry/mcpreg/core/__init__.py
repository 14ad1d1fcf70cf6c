"""The pure core: values and rules. Nothing here reads a file, a clock or a socket."""
