"""What a model does with its programs: compile, fit, evaluate, predict."""
