"""From a graph of calls to plans of records, and what runs them; knows no layer and no model by name."""
