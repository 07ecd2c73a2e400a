"""`model.export("m.c")`: a model's prediction as one C99 file (docs/adr/0024).

`unit` asks the layers for the records of one row's prediction, `ops` has a row for each op that says which function of
`library/` computes it, `memory` finds places for what lies between them, `text` writes the file.
"""
