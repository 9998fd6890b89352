"""One module for each event of an agent's hooks: `handle(place, event) -> Reply`. Each has 30 ms in all."""
