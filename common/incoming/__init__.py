"""What others tell us of their own accord: who says it, and that it is said now."""
