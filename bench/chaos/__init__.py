"""Random scenarios with seeds: does every promise hold, whatever happens?"""
