"""The issuing desk: requests, personalising through a station, printing, handing over, blanks, batches, stations."""
