"""A local web page on which a finished run is seen and tried."""
