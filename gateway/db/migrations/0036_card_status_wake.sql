-- An edge node that is heard for the first time is given the card status list at once.
CREATE FUNCTION wake_card_status() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    PERFORM pg_notify('medtap_cards', '');
    RETURN NULL;
END $function$;
CREATE TRIGGER edge_node_wakes_card_status AFTER INSERT ON edge_node
    FOR EACH STATEMENT EXECUTE FUNCTION wake_card_status();
