"""A file per library, loaded in that library's process only; `bench.rivals` lists them, `bench.tasks` uses them."""
