"""What workers are forks of: all that they need, imported as long as the command lives."""

from forecast.runs.orphans import end_with_parent

give_up = end_with_parent()
import forecast.batch.processes  # noqa: E402, F401 - it takes seconds

give_up()  # no other thread is there when it forks
