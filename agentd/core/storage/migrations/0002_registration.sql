-- The task that is being registered in steps, if there is one. It has no id yet, and neither it nor
-- its nodes are shown or handed out.
CREATE TABLE registration (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    task_pk INTEGER NOT NULL REFERENCES tasks (pk),
    first_node_pk INTEGER NOT NULL,
    last_node_pk INTEGER NOT NULL
) STRICT;
