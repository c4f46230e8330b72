"""What the programme knows, without any library: words, people, the state machine, deadlines, figures."""
