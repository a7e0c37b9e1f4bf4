"""Super-resolution: pictures and videos at twice or four times their size."""
