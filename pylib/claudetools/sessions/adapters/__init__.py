"""One module for each agent: `read(event, payload, environ) -> Event`, `write(event, reply) -> str`."""
