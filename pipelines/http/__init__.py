"""HTTP to the services of an organisation, e-mail providers and CRMs alike: patient, paced, and careful with its words.

client.py   one session with keep-alive: time-outs, patience with failures that pass, answers judged
slots.py    how many calls at a time and in a second, over all processes of this machine
threads.py  calls side by side, results in order

Does not belong here: what is asked of one service, and what its refusals mean (providers/, crm/).
"""
