"""What mcpreg does, one use case a file: adapters put together, no command line, no printing."""
