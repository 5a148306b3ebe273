"""The pager: wakes the right person, by a way that works, until somebody has answered; and proves that it can."""
