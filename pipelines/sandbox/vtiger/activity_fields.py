"""Fields of tasks, events and comments, as `describe` gives them on a default installation (exchanges 10).

Belongs here: names, labels, types and picklists. Does not: custom fields (they are made per installation, seeding.py),
what a value of a type looks like (values.py).
"""

from pipelines.sandbox.vtiger.fields import Field

TASKSTATUS = ("Not Started", "In Progress", "Completed", "Pending Input", "Deferred", "Planned")
EVENTSTATUS = ("Planned", "Held", "Not Held")
TASKPRIORITY = ("High", "Medium", "Low")
ACTIVITYTYPE = ("Call", "Meeting", "Mobile Call")
VISIBILITY = ("Private", "Public")
DURATION_MINUTES = ("00", "15", "30", "45")
RECURRINGTYPE = ("Daily", "Weekly", "Monthly", "Yearly")
RECURRING_LABELS = ("Day(s)", "Week(s)", "Month(s)", "Year")
ACTIVITY_PARENTS = (
    "Accounts",
    "Campaigns",
    "HelpDesk",
    "Invoice",
    "Leads",
    "Potentials",
    "PurchaseOrder",
    "Quotes",
    "SalesOrder",
)
COMMENT_PARENTS = (
    "Leads",
    "PurchaseOrder",
    "Quotes",
    "Invoice",
    "Faq",
    "HelpDesk",
    "ProjectTask",
    "Project",
    "Potentials",
    "Accounts",
    "Contacts",
    "SalesOrder",
)

CALENDAR = (
    Field("subject", "Subject", mandatory=True),
    Field("assigned_user_id", "Assigned To", "owner", mandatory=True, nullable=False),
    Field("date_start", "Start Date & Time", "date", mandatory=True, nullable=False),
    Field("time_start", "Time Start", "time", mandatory=True),
    Field("time_end", "End Time", "time"),
    Field("due_date", "Due Date", "date", mandatory=True),
    Field("parent_id", "Related To", "reference", refers_to=ACTIVITY_PARENTS, nullable=False),
    Field("contact_id", "Contact Name", "reference", refers_to=("Contacts",), nullable=False),
    Field("taskstatus", "Status", "picklist", values=TASKSTATUS, mandatory=True),
    Field("eventstatus", "Status", "picklist", values=EVENTSTATUS),
    Field("taskpriority", "Priority", "picklist", values=TASKPRIORITY),
    Field("sendnotification", "Send Notification", "boolean", nullable=False),
    Field("createdtime", "Created Time", "datetime", nullable=False, editable=False),
    Field("modifiedtime", "Modified Time", "datetime", nullable=False, editable=False),
    Field("activitytype", "Activity Type", "picklist", values=ACTIVITYTYPE, nullable=False),
    Field("visibility", "Visibility", "picklist", values=VISIBILITY, nullable=False),
    Field("description", "Description", "text"),
    Field("duration_hours", "Duration", "time"),
    Field("duration_minutes", "Duration Minutes", "picklist", values=DURATION_MINUTES),
    Field("location", "Location"),
    Field("reminder_time", "Send Reminder", "integer", nullable=False),
    Field("recurringtype", "Repeat", "picklist", values=RECURRINGTYPE, value_labels=RECURRING_LABELS),
    Field("notime", "No Time", "boolean", nullable=False),
    Field("modifiedby", "Last Modified By", "reference", refers_to=("Users",), nullable=False),
    Field("source", "Source", editable=False),
    Field("starred", "starred", "boolean"),
    Field("tags", "tags"),
)

EVENTS = (
    Field("subject", "Subject", mandatory=True),
    Field("assigned_user_id", "Assigned To", "owner", mandatory=True, nullable=False),
    Field("date_start", "Start Date & Time", "date", mandatory=True, nullable=False),
    Field("time_start", "Time Start", "time", mandatory=True),
    Field("due_date", "End Date", "date", mandatory=True),
    Field("time_end", "End Time", "time", mandatory=True),
    Field("recurringtype", "Repeat", "picklist", values=RECURRINGTYPE, value_labels=RECURRING_LABELS),
    Field("duration_hours", "Duration", "integer", mandatory=True),
    Field("duration_minutes", "Duration Minutes", "picklist", values=DURATION_MINUTES),
    Field("parent_id", "Related To", "reference", refers_to=ACTIVITY_PARENTS, nullable=False),
    Field("eventstatus", "Status", "picklist", values=EVENTSTATUS, mandatory=True),
    Field("sendnotification", "Send Notification", "boolean", nullable=False),
    Field("activitytype", "Activity Type", "picklist", values=ACTIVITYTYPE, mandatory=True, nullable=False),
    Field("location", "Location"),
    Field("createdtime", "Created Time", "datetime", nullable=False, editable=False),
    Field("modifiedtime", "Modified Time", "datetime", nullable=False, editable=False),
    Field("taskpriority", "Priority", "picklist", values=TASKPRIORITY),
    Field("notime", "No Time", "boolean", nullable=False),
    Field("visibility", "Visibility", "picklist", values=VISIBILITY, nullable=False),
    Field("modifiedby", "Last Modified By", "reference", refers_to=("Users",), nullable=False),
    Field("description", "Description", "text"),
    Field("reminder_time", "Send Reminder", "integer", nullable=False),
    Field("contact_id", "Contact Name", "reference", refers_to=("Contacts",), nullable=False),
    Field("source", "Source", editable=False),
    Field("starred", "starred", "boolean"),
    Field("tags", "tags"),
)

MODCOMMENTS = (
    Field("commentcontent", "Comment", "text", mandatory=True),
    Field("assigned_user_id", "Assigned To", "owner", mandatory=True, nullable=False),
    Field("createdtime", "Created Time", "datetime", nullable=False, editable=False),
    Field("modifiedtime", "Modified Time", "datetime", nullable=False, editable=False),
    Field("related_to", "Related To", "reference", refers_to=COMMENT_PARENTS, mandatory=True),
    Field("creator", "Creator", "reference", refers_to=("Users",), nullable=False, editable=False),
    Field("parent_comments", "Related To", "reference", refers_to=("ModComments",)),
    Field("source", "Source", editable=False),
    Field("customer", "Customer", "reference", refers_to=("Contacts",)),
    Field("userid", "UserId", "reference", refers_to=()),
    Field("reasontoedit", "ReasonToEdit", "text"),
    Field("is_private", "Is Private", "integer"),
    Field("filename", "Attachment", "file"),
    Field("related_email_id", "Related Email Id", "integer", default="0"),
)
