select convert_to('{"issues":{"nodes":['
  || (select coalesce(string_agg('{"number":'
        || (to_json(t1.number)::text)
        || ',"state":"'
        || t1.state
        || '","viewerActions":'
        || '[]'
        || ',"assignments":{"nodes":['
        || (select coalesce(string_agg('{"kind":"'
              || t2.kind
              || '","state":"'
              || t2.state
              || '","viewerActions":'
              || E'\x010:'
              || json_build_array((select json_build_object('id', t2.id, 'issue', json_build_object( 'issue', json_build_object('state', fi.state, 'reported_at', fi.reported_at, 'updated_at', fi.updated_at, 'version', fi.version, 'category_id', fi.category_id, 'work_content_id', fi.work_content_id, 'complexity', fi.complexity, 'city_identified', fi.city_identified, 'multi_department', fi.multi_department, 'dismissal', fi.dismissal, 'duplicate_of_id', fi.duplicate_of_id, 'satisfaction', fi.satisfaction, 'reopened_count', fi.reopened_count, 'sent_back_count', fi.sent_back_count, 'judged_at', fi.judged_at, 'handed_over_at', fi.handed_over_at, 'due_at', fi.due_at, 'rectified_at', fi.rectified_at, 'closed_at', fi.closed_at, 'sponsor_id', fi.sponsor_id, 'verifier_id', fi.verifier_id, 'verify_due_at', fi.verify_due_at, 'verified_at', fi.verified_at, 'township_passed_at', fi.township_passed_at, 'look_backs', fi.look_backs, 'look_back_due_at', fi.look_back_due_at, 'sampled', fi.sampled, 'exclusion', fi.exclusion, 'next_due_at', fi.next_due_at, 'mass_interest', fi.mass_interest, 'post_disaster', fi.post_disaster, 'finder_id', fi.finder_id, 'finder_account_id', fi.finder_account_id), 'assignments', ( select json_agg(json_build_object('id', fa.id, 'kind', fa.kind, 'department_id', fa.department_id, 'party_unit_id', fa.party_unit_id, 'part', fa.part, 'required', fa.required, 'assigned_at', fa.assigned_at, 'state', fa.state, 'responsible_id', fa.responsible_id, 'responsible_name', fa.responsible_name, 'plan_due', fa.plan_due, 'accepted_at', fa.accepted_at, 'progressed_at', fa.progressed_at, 'feedback_at', fa.feedback_at, 'arrange_due_at', fa.arrange_due_at, 'progress_due_at', fa.progress_due_at, 'solve_due_at', fa.solve_due_at, 'track_due_at', fa.track_due_at, 'arbitrate_due_at', fa.arbitrate_due_at, 'insisted', fa.insisted, 'plan_state', fa.plan_state, 'supervised_count', fa.supervised_count, 'urged_count', fa.urged_count)
                          order by fa.id)
                        from assignment fa
                        where fa.issue_id = fi.id ), 'handled', ( select jsonb_agg(distinct jsonb_build_array(fe.account_id, fe.actor_id))
                        from event fe
                        where fe.issue_id = fi.id
                        and fe.kind in ('ASSIGNMENT_ACCEPTED', 'ASSIGNMENT_RETURNED', 'PROGRESS_REPORTED', 'PLAN_PROPOSED', 'FEEDBACK_SUBMITTED') ), 'settings', (( select jsonb_object_agg(s.key, s.value
                            order by o.place)
                          from unnest(fi.rules) with ordinality o (id, place) join rule r on r.id = o.id cross join lateral jsonb_each(r.settings) s ))::text ))
                  from issue fi
                  where fi.id = t2.issue_id), array_remove(array[case
                  when (t2.department_id = $2::bigint
                    and t2.state <> 'REASSIGNED') then 'issue:accept' end, case
                  when (t2.department_id = $3::bigint
                    and t2.state <> 'REASSIGNED') then 'issue:return' end, case
                  when (t2.department_id = $4::bigint
                    and t2.state <> 'REASSIGNED') then 'issue:progress' end, case
                  when (t2.department_id = $5::bigint
                    and t2.state <> 'REASSIGNED') then 'issue:propose_plan' end, case
                  when (t2.department_id = $6::bigint
                    and t2.state <> 'REASSIGNED') then 'issue:feedback' end], null))::text
              || E'\x02'
              || '}', ','
              order by t2.id), '')
          from (select t2.*
            from assignment t2
            where t2.issue_id = t1.id
            order by t2.id
            limit 50) t2
          having true)
        || ']}}', ','
        order by t1.number), '')
    from (select t1.*
      from issue t1
      where t1.id in (select issue_id
        from (select *
          from assignment
          where state <> 'REASSIGNED') held
        where department_id = $1::bigint)
      order by t1.number
      limit 3) t1
    having true)
  || ']}}', 'UTF8')
-- $1 = 2
-- $2 = 2
-- $3 = 2
-- $4 = 2
-- $5 = 2
-- $6 = 2
