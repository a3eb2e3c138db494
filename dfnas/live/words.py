"""Times, rates and counts in few characters."""

MINUTE, HOUR, DAY = 60, 3600, 86400


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(int(seconds), MINUTE)
    hours, minutes = divmod(minutes, MINUTE)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def about(seconds: float) -> str:
    """Seconds as one would say them."""
    if seconds < 90:
        return f"{max(1, round(seconds / 10) * 10 if seconds >= 15 else round(seconds))} s"
    if seconds < 90 * MINUTE:
        return f"{round(seconds / MINUTE)} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.1f} h"
    return f"{seconds / DAY:.1f} days"


def rate(per_second: float) -> str:
    """Steps by the second, or the other way round where one takes longer."""
    if per_second >= 1:
        return f"{per_second:.3g}/s" if per_second < 1000 else f"{per_second:.0f}/s"
    return f"{1 / per_second:.3g} s each"


def counted(count: int, what: str) -> str:
    """A count and its noun, in the plural where it is not one."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
