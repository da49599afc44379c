"""The functions as Lambda runs them: a whole core for the start, a share of one for an event, and TLS."""
